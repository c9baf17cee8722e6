"""What happens to every entity: kept by triggers, numbered in the order of commits, told on."""
