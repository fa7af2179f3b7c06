# Prints what rails-cookies.ts exports, made by real Rails: apt-get install ruby-actionpack; ruby rails-cookies.rb
require "action_dispatch"; require "action_dispatch/middleware/cookies"; require "active_support/all"; require "json"; require "openssl"
SECRET="0123456789abcdef"*8
class KeyGeneratorOf < ActiveSupport::KeyGenerator
  def initialize(secret, digest); super(secret, iterations: 1000); @secret=secret; @digest=digest; end
  def generate_key(salt, size=64); OpenSSL::PKCS5.pbkdf2_hmac(@secret, salt, 1000, size, @digest.new); end
end
def jar(digest, serializer, secret=SECRET)
  gen = KeyGeneratorOf.new(secret, digest)
  env = {
    "action_dispatch.key_generator"=>gen, "action_dispatch.secret_key_base"=>secret,
    "action_dispatch.authenticated_encrypted_cookie_salt"=>"authenticated encrypted cookie",
    "action_dispatch.encrypted_cookie_salt"=>"encrypted cookie","action_dispatch.encrypted_signed_cookie_salt"=>"signed encrypted cookie",
    "action_dispatch.signed_cookie_salt"=>"signed cookie",
    "action_dispatch.encrypted_cookie_cipher"=>"aes-256-gcm","action_dispatch.use_authenticated_cookie_encryption"=>true,
    "action_dispatch.cookies_serializer"=>serializer,"action_dispatch.use_cookies_with_metadata"=>true,
    "action_dispatch.cookies_rotations"=>Class.new{def encrypted;[];end;def signed;[];end}.new,
    "HTTP_HOST"=>"app.example","REQUEST_METHOD"=>"GET"}
  ActionDispatch::Request.new(env)
end
def make(digest, serializer, value, name: "_app_session", secret: SECRET, kind: :encrypted, **opts)
  req = jar(digest, serializer, secret)
  j = req.cookie_jar
  j.send(kind)[name] = {value: value, **opts}
  headers = {}; j.always_write_cookie = true if j.respond_to?(:always_write_cookie=)
  j.write(headers)
  headers["Set-Cookie"].split(";").first.split("=",2).last
end
sha1=OpenSSL::Digest::SHA1; sha256=OpenSSL::Digest::SHA256
s={"session_id"=>"4ef2","user_id"=>17,"_csrf_token"=>"x"}
out={
 "secretKeyBase"=>SECRET, "cookie"=>"_app_session",
 "made"=>"ActionPack #{ActionPack::VERSION::STRING}, ActiveSupport #{ActiveSupport::VERSION::STRING}",
 "good"=>{
  "SHA-1, a number"=>{"subject"=>"17","value"=>make(sha1,:json,s)},
  "SHA-256, a number"=>{"subject"=>"17","value"=>make(sha256,:json,s)},
  "a UUID"=>{"subject"=>"0f5c1d1e-7c1c-4d7e-9f5a-2b1c3d4e5f60","value"=>make(sha256,:json,s.merge("user_id"=>"0f5c1d1e-7c1c-4d7e-9f5a-2b1c3d4e5f60"))},
  "Devise"=>{"subject"=>"17","value"=>make(sha256,:json,{"session_id"=>"4ef2","warden.user.user.key"=>[[17],"$2a$12$abcdefghijklmnopqrstuv"]})},
  "with an end in 2099"=>{"subject"=>"17","value"=>make(sha1,:json,s,expires: Time.utc(2099,1,1))}},
 "bad"=>{
  "another secret"=>make(sha256,:json,s,secret: "f"*128),
  "the cookie of another name"=>make(sha256,:json,s,name:"_other"),
  "its time is over"=>make(sha256,:json,s,expires: Time.utc(2020,1,1)),
  "Marshal"=>make(sha256,:marshal,s),
  "only signed"=>make(sha256,:json,s,kind: :signed),
  "nobody signed in"=>make(sha256,:json,{"session_id"=>"4ef2"}),
  "a user that is an object"=>make(sha256,:json,s.merge("user_id"=>{"id"=>17}))}}
puts JSON.pretty_generate(out)
