-- Mastodon 1.3: PubSubHubbub only. No index finds the followers of an account, and no key ties rows to accounts.
-- Only what is asked for somewhere; where Mastodon has an index on it, so has this.

CREATE TABLE accounts (
    id serial PRIMARY KEY,
    username character varying DEFAULT '' NOT NULL,
    domain character varying,
    secret character varying DEFAULT '' NOT NULL,
    remote_url character varying DEFAULT '' NOT NULL,
    salmon_url character varying DEFAULT '' NOT NULL,
    hub_url character varying DEFAULT '' NOT NULL,
    subscription_expires_at timestamp without time zone,
    private_key text,
    public_key text DEFAULT '' NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    display_name character varying DEFAULT '' NOT NULL,
    uri character varying DEFAULT '' NOT NULL,
    url character varying,
    avatar_file_name character varying,
    avatar_content_type character varying,
    avatar_file_size integer,
    avatar_updated_at timestamp without time zone,
    avatar_remote_url character varying,
    header_file_name character varying,
    header_content_type character varying,
    header_file_size integer,
    header_updated_at timestamp without time zone,
    header_remote_url character varying DEFAULT '' NOT NULL,
    locked boolean DEFAULT false NOT NULL,
    silenced boolean DEFAULT false NOT NULL,
    suspended boolean DEFAULT false NOT NULL,
    statuses_count integer DEFAULT 0 NOT NULL,
    followers_count integer DEFAULT 0 NOT NULL,
    following_count integer DEFAULT 0 NOT NULL,
    last_webfingered_at timestamp without time zone
);
CREATE UNIQUE INDEX index_accounts_on_username_and_domain ON accounts (username, domain);
CREATE INDEX index_accounts_on_username_and_domain_lower ON accounts (lower(username), lower(domain));
CREATE INDEX index_accounts_on_url ON accounts (url);

CREATE TABLE follows (
    id serial PRIMARY KEY,
    account_id integer NOT NULL,
    target_account_id integer NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
CREATE UNIQUE INDEX index_follows_on_account_id_and_target_account_id ON follows (account_id, target_account_id);

CREATE TABLE subscriptions (
    id serial PRIMARY KEY,
    callback_url character varying DEFAULT '' NOT NULL,
    secret character varying,
    expires_at timestamp without time zone,
    confirmed boolean DEFAULT false NOT NULL,
    account_id integer NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    last_successful_delivery_at timestamp without time zone
);
CREATE UNIQUE INDEX index_subscriptions_on_callback_url_and_account_id ON subscriptions (callback_url, account_id);

CREATE TABLE users (
    id serial PRIMARY KEY,
    email character varying DEFAULT '' NOT NULL,
    account_id integer NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    current_sign_in_at timestamp without time zone,
    last_sign_in_at timestamp without time zone,
    confirmed_at timestamp without time zone,
    confirmation_sent_at timestamp without time zone
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE INDEX index_users_on_account_id ON users (account_id);

CREATE TABLE statuses (
    id bigserial PRIMARY KEY,
    account_id integer NOT NULL,
    uri character varying,
    url character varying,
    text text DEFAULT '' NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    in_reply_to_id bigint,
    reblog_of_id bigint,
    visibility integer DEFAULT 0 NOT NULL
);
CREATE UNIQUE INDEX index_statuses_on_uri ON statuses (uri);
CREATE INDEX index_statuses_on_account_id ON statuses (account_id);

CREATE TABLE media_attachments (
    id serial PRIMARY KEY,
    status_id bigint,
    account_id integer,
    file_file_name character varying,
    file_content_type character varying,
    file_file_size integer,
    file_updated_at timestamp without time zone,
    remote_url character varying DEFAULT '' NOT NULL,
    shortcode character varying,
    type integer DEFAULT 0 NOT NULL,
    file_meta json,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
CREATE INDEX index_media_attachments_on_status_id ON media_attachments (status_id);

CREATE TABLE preview_cards (
    id serial PRIMARY KEY,
    status_id bigint,
    url character varying DEFAULT '' NOT NULL,
    title character varying,
    image_file_name character varying,
    image_content_type character varying,
    image_file_size integer,
    image_updated_at timestamp without time zone,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    type integer DEFAULT 0 NOT NULL
);
CREATE UNIQUE INDEX index_preview_cards_on_status_id ON preview_cards (status_id);

CREATE TABLE imports (
    id serial PRIMARY KEY,
    account_id integer NOT NULL,
    type integer NOT NULL,
    approved boolean,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    data_file_name character varying,
    data_content_type character varying,
    data_file_size integer,
    data_updated_at timestamp without time zone
);

CREATE TABLE domain_blocks (
    id serial PRIMARY KEY,
    domain character varying DEFAULT '' NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    severity integer DEFAULT 0,
    reject_media boolean
);
CREATE UNIQUE INDEX index_domain_blocks_on_domain ON domain_blocks (domain);

CREATE TABLE schema_migrations (
    version character varying PRIMARY KEY
);
INSERT INTO schema_migrations VALUES ('20170425202925');
