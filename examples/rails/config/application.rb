require "rails"
require "active_record/railtie"
require "action_controller/railtie"

module Bookshelf
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = false
    config.secret_key_base = ENV.fetch("SECRET_KEY_BASE")
    config.session_store :cookie_store, key: "_bookshelf_session"
    config.action_dispatch.cookies_serializer = :json
    config.active_record.dump_schema_after_migration = false
    config.logger = ActiveSupport::Logger.new($stdout)
  end
end
