"""Do the errors and the status of the posynomial regression hold on random laws?"""
