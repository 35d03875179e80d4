# Shopkeeper with Airflow: the package, its DAGs, models and suites in one image.
FROM python:3.11-slim-bookworm

ARG GIT_COMMIT=""

ENV PYTHONUNBUFFERED=1 \
    SHOPKEEPER_GIT_COMMIT=${GIT_COMMIT} \
    SHOPKEEPER_HOME=/opt/airflow/shopkeeper \
    SHOPKEEPER_COMPANY=/opt/shopkeeper/include/company \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/shopkeeper/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/shopkeeper/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    GX_ANALYTICS_ENABLED=false

WORKDIR /opt/shopkeeper

# The lock first: this layer is made again only when a dependency changes.
COPY requirements.txt requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && uv pip install --system --no-cache --compile-bytecode --require-hashes -r requirements.txt

COPY pyproject.toml LICENSE ./
COPY include include
COPY dags dags
COPY plugins plugins
COPY dbt_project dbt_project
COPY expectations expectations

# Editable, so that the package finds models and suites beside it.
RUN uv pip install --system --no-cache --no-deps --editable . \
    && useradd --uid 50000 --create-home shopkeeper \
    && mkdir /opt/airflow /opt/survey /opt/desk /opt/explorer /opt/mail \
    && chown shopkeeper /opt/airflow /opt/survey /opt/desk /opt/explorer /opt/mail

USER shopkeeper
