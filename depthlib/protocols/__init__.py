"""What exactly is measured: protocols as locked files, alignment, the one inference loop."""
