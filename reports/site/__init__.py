"""All reports of a workspace.

index           | which reports exist, as a page
entries         | what the index shows of each report
trends          | how accuracy and cost went over time
stored_reports  | where the published reports are, and which one is meant by a name
"""
