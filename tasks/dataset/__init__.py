"""Tasks that prepare the data: from a source to an accepted data set and its TFRecords.

module         | what it answers
acquire        | where are the images of the source?
crop_faces     | which images do photos give?
manifest       | what is known of each image?
add_votes      | which class did several people choose for each image?
correct_labels | which labels did a person correct?
validate       | is the data good enough, and what is set aside?
drift          | what changed since the last accepted data set?
verdict        | is the data set accepted?
folds          | which images are held out for the label audit?
views          | where are the TFRecords?
"""
