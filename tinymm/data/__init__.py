"""Data: cleaning, preparation, augmentation, batches and the data sets themselves."""
