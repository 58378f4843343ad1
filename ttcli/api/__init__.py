"""What Python programs call: the same that the commands do, without their files and screens."""
