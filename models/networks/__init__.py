"""Networks: Keras builders of the variants, the project's layers, and what is computed from a network.

module             | what it answers
building_blocks    | Which input, output and layers do several networks share?
layers             | Which layers of the project do saved models contain?
compact            | How are the small networks compact and light built?
residual           | How is the large network residual built?
notebook_cnn       | How are the notebook's own CNNs built?
transfer           | How are the variants with an ImageNet backbone built?
efficientnet_lite0 | How is the backbone EfficientNet-Lite0 built?
load               | Which function does the builder of a variant name?
measure            | How many layers and multiply-adds does a network have, and how fast is it?
gradcam            | Which places of an image does a prediction depend on?
"""
