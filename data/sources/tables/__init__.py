"""Tables of images as sources: each is written into the same folders that a source of folders has.

module     | what it answers
rows       | what is an image in a table, and which column holds what?
csv_files  | how is a CSV read, whatever its separator?
csv_pixels | which images does a CSV of gray levels hold?
csv_list   | which files beside it does a CSV name?
parquet    | which images do Parquet files hold?
"""
