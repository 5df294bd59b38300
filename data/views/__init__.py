"""Augmented views of the images, stored as TFRecords.

module    | what it answers
augment   | what does one augmented view of an image look like?
tfrecords | how are shards written, indexed and read as batches?
choices   | where are the votes of people beside the records?
write     | how are all views of a data set written (a child command)?
pictures  | which pictures do the reports show?
"""
