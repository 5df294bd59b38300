"""Tables of images as sources: each is written into the same folders that a source of folders has.

module     | what it answers
suffixes   | what is a file by the ending of its name?
rows       | what is an image in a table, and which column holds what?
csv_files  | how is a CSV read, whatever its separator?
csv_pixels | which images does a CSV of gray levels hold?
csv_list   | which files beside it does a CSV name?
parquet    | which images do Parquet files hold?
find       | is there a table in a source, and of which kind?
survey     | is the data set in folders, in a table, or in an archive inside?
write      | where does each image of a table belong?
"""
