"""Quality of a data set: its faults, its splits, its changes, and its corrections by a person.

module             | what it answers
rule               | what does the table say of one rule?
rules              | which rules must a data set satisfy, and which faults break them?
faults             | which faults can an image have?
cleaning           | which images are faulty, and which are set aside?
partition          | which train images form the selection part?
split_similarity   | do the splits look as if they came from one source?
split_classifier   | how easily can two splits be told apart?
multiple_testing   | how are p-values corrected for their number?
odd_images         | which images look least like the others?
drift              | what changed since an earlier version of the data set?
scored_drift       | do scored faces look as the images that a network was trained on?
accepted           | which data set of a source was accepted last?
label_corrections  | which labels did a person correct?
datasheet          | what is known of the data set, as a document?
"""
