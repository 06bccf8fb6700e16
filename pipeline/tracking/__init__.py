"""MLflow runs and models; nothing outside this package imports mlflow."""
