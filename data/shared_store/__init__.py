"""The object store behind the workspaces of several hosts: finished stages, leases on those being written.

module   | what it answers
address  | which store does an address name, and how is it opened?
objects  | how are objects read and written, and what happens while the store is out of reach?
outage   | what does the log say while the store is out of reach?
packs    | in which objects are the files of a directory?
stages   | how does a finished stage come into the store, and from there into a workspace?
news     | what does a run on another host do now, and is it alive?
progress | from where does another host resume?
leases   | which host writes a stage now?
needs    | which stages does each workspace need?
state    | how does a second host get the champion, MLflow and the reviews of a workspace?
state_files | which files of a workspace are these, and how are they copied?
unused   | is there anything in a workspace that must not be replaced?
transfer | what does a host give, and what does a fresh host need?
upkeep   | is everything whole, and what may be removed?
tier     | how does a workspace use the store, and what if it is out of reach?
"""
