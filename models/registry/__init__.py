"""MLflow: finished runs, packaged models, versions, and the champion.

connection   | where is MLflow, and what do its errors mean
relocation   | how do paths in MLflow follow a workspace that is moved
tags         | which tags do runs and versions carry
tracking     | how is a finished run written into MLflow
experiment   | which experiment has the runs
figures      | which metrics does it have there
packaging    | how is a network stored so that it loads without this repository
served_model | what does MLflow run when it serves the network
versions     | which versions of the model exist
model_names  | which registered model does a format of data sets have
lookup       | which version is champion, asked without importing MLflow
champion     | which version is champion, and how is it changed
journal      | who moved the champion, when and why
prune        | which runs in MLflow are no longer needed
"""
