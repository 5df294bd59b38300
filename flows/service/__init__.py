"""The services of `emotion up`, and what is deployed to its server.

module          | what it answers
up              | how the parts start, stay up and end together
parts           | which parts there are, and where they listen
supervisor      | how the parts are started again and logged
part_process    | how one part runs as a child command
process_marks   | which processes belong to an `emotion up`
report_site     | how the report pages are served
serve_site      | where the champion's web service listens, and whom it answers
review_site     | where the page for the review of labels listens, and whom it answers
worker          | which runs are started, and which are refused?
deploy          | how the server is set up
kubernetes_pool | what a job of a Kubernetes cluster gets
deployments     | which deployments there are
deploy_process  | how the flows are deployed, as a child command
schedule        | whether flows run on a schedule
automations     | which events notify, and which runs are marked as crashed
"""
