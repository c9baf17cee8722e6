"""Keep namespaces and API keys.

The migrations are SQL rather than ``op.create_table``: half of what they make (triggers, policies)
has no other form, and what the database will hold is then read off the page, names included.
"""

from alembic import op

revision = "20261121_2300"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE namespaces (
            id text COLLATE "C" NOT NULL,
            namespace_name text COLLATE "C" NOT NULL,
            description text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_namespaces PRIMARY KEY (id),
            CONSTRAINT uq_namespaces_namespace_name UNIQUE (namespace_name)
        )
    """)
    op.execute("""
        CREATE TABLE api_keys (
            id text COLLATE "C" NOT NULL,
            name text NOT NULL,
            key_prefix text NOT NULL,
            secret_sha256 bytea NOT NULL,
            permissions text[] NOT NULL,
            namespaces text[],
            expires_at timestamptz,
            revoked_at timestamptz,
            last_used_at timestamptz,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_api_keys PRIMARY KEY (id),
            CONSTRAINT uq_api_keys_secret_sha256 UNIQUE (secret_sha256),
            CONSTRAINT ck_api_keys_permissions
                CHECK (permissions <@ ARRAY['READ','WRITE','DELETE','ADMIN'])
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE api_keys, namespaces")
