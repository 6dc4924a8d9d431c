"""All faults that are planted, in the order in which they are told.

Importing the lists is what fills them.
"""

from simulation import mutants_money, mutants_orders
from simulation.planting import MUTANTS

__all__ = ["MUTANTS", "mutants_money", "mutants_orders"]
