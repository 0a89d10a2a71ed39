"""The operator's client of the checker, a service that checks whether Keras can build a network before a pod exists."""
