"""Alert rules, their tests, and the configuration of Alertmanager: data files, read as package resources."""
