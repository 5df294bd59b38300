"""The champion over HTTP: an API, its limits and metrics, and a page for people.

module         | what it answers
app            | which addresses answer, and how?
bodies         | how are the images of a request read, and what is refused?
champion       | which version answers now, and when is another one loaded?
door           | how many requests may run and wait at once, and for how long?
explanation    | which parts of a face does the answer depend on?
feedback       | what is stored if a user calls an answer wrong?
limits         | how large may a request be?
messages       | what do the bodies of answers look like?
metrics        | what is counted?
page           | how is the page for people sent?
prediction_log | what is written down of an answer, if somebody asks for it?
seen_face      | what did the network see of one face, and what did it say?
texts          | what do the page and the API say of the law and of the limits?
token          | who may ask?
"""
