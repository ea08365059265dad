"""Why is it slow here?"""
