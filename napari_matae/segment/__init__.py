"""A segmentation run and its panel."""
