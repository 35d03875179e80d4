"""Everything that `doomed` needs, so that the fork server has read it before the first process is started."""

import psycopg
import sqlalchemy.dialects.postgresql.psycopg

import shopkeeper.company.load
import shopkeeper.survey.delivery
import shopkeeper.survey.sampling
import shopkeeper.warehouse.engine

__all__ = ["psycopg", "shopkeeper", "sqlalchemy"]
