"""The workspace: a directory of finished stages, which is the only cache.

module        | what it answers
store         | how is a stage found, written, and removed?
stage_record  | what does a finished stage hold, and is it whole?
digests       | which key do these inputs and this code have?
mark          | is this directory a workspace?
run_results   | what did a published report find, and where are its trainings?
tier          | what does a workspace ask of a store that several hosts share?
layout        | what are the stages, folders and shared files called?
atomic        | how is a file or directory replaced or removed as a whole?
registry_lock | who may change or copy the champion and its moves now?
ownership     | what did this project make beside the stages?
in_use        | which stages do living processes use?
reachability  | which stages are still needed, and why?
prune         | what is removed, and how much disk space does that free?
full_disk     | what does a full disk mean for a run?
disk_space    | how much disk space will a stage need?
"""
