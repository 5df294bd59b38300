"""Folders of Google Drive.

module      | what it answers
listing     | which files does a folder hold?
continuing  | what of an interrupted download stays if the folder has changed?
folder_page | what does Drive's page of a folder say?
selection   | which files of a folder are taken?
"""
