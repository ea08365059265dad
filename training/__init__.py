"""The pipeline that makes the model: music, features, training, evaluation."""
