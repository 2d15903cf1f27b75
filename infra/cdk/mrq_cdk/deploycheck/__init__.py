"""`mrq deploy-check`: what a deployment needs of this machine and of the account, said before it fails half-way."""
