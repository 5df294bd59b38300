"""Sources: from a source string to the files of a data set on disk.

module            | what it answers
source            | which source does a string mean?
fetch             | how does the archive of each kind of source become a verified local file?
download          | how is a file downloaded?
download_settings | which waits, limits and certificates does a download have?
download_failures | why did a download fail?
drive             | which files does a folder of Google Drive hold?
transfer_limits   | when is a running download stopped?
addresses         | where may a download connect to?
secrets           | what in a URL is not to be shown?
extract           | which files of an archive or folder are unpacked?
limits            | how much may an archive or folder hold?
folder_entries    | which files does a folder hold?
root_search       | which folder is the data set's root, and do classes or splits come first in it?
folder_names      | where does a file belong, by the names of its folders?
archives          | what do zips and tars hold, and how are they read?
tables            | how are images of a CSV, of Parquet files or beside a list read? (a package)
"""
