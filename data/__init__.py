"""Data: from a source to a clean manifest and TFRecords, and the workspace that stores every stage.

package      | what it answers
base         | what do all modules share: errors, records, labels, paths?
records      | what do the stored results consist of?
workspace    | where is a stage stored, is it complete, is it still needed?
system       | what machine is this, and how does a child process report?
sources      | how do the files of a source get onto the disk?
sample       | what do the generated images look like?
manifest     | what is known of each image?
votes        | which class did several people choose for each image?
quality      | is the data good enough, and what is left out?
photos       | which faces are in a photo, and what does a network see of each?
shared_store | what do the workspaces of several hosts share?
review       | what do people answer on doubtful labels, and what follows from it?
views        | what augmented images are the networks trained on?
"""
