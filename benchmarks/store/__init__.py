"""How fast a published digest comes here: `tritonup models pull` beside `rclone copy` and `aws s3 cp`."""
