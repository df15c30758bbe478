"""Digits of one to four bits a pixel, in three codes."""
