"""Votes of several people for the class of each image: how often each class was chosen.

module    | what it answers
column    | how does a manifest keep the votes, and which class did most people choose?
reading   | what is in a file of votes?
matching  | which image is each row of the file about?
agreement | how well do people agree with each other, and with the published labels?
wording   | which sentences and which table say so?
"""
