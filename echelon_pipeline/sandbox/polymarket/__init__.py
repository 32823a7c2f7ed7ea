"""polymarket"""
