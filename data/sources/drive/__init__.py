"""Folders of Google Drive.

module      | what it answers
listing     | which files does a folder hold?
folder_page | what does Drive's page of a folder say?
"""
