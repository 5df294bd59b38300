"""ImageNet weights of the backbones: found, downloaded or converted. Nothing here imports TensorFlow.

module     | what it answers
locate     | Where is the weights file of a backbone?
lite0      | How do EfficientNet-Lite0's weights become a file that Keras loads?
torch_file | How is a file of PyTorch weights read without PyTorch?
"""
