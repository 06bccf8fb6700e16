"""One thin module for each stage of dvc.yaml: its ``Config`` and ``run``; a stage imports no other stage."""
