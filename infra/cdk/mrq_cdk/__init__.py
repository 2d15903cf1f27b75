"""MRQ on AWS: constructs of the CDK, the app that deploys them, and `mrq deploy-check`.

`from mrq_cdk.constructs import MrqStack` and so on: that module looks for Node before it loads the CDK.
"""
