"""The exercises of the course, one file for each lesson."""
