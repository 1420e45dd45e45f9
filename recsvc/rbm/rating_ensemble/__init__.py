"""The rating ensemble: fine-tuned machines whose predictions are blended."""
