"""The OpenAPI document: responses and examples."""
