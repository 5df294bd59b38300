"""The command `emotion review`.

module         | what it answers
commands       | which options does it have?
page_and_files | what does it show, import and export?
"""
