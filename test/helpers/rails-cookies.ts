// Session cookies that Rails has made (rails-cookies.rb): with the digest of Rails 6.1 and earlier, and with that of 7 and later.

export const railsCookies = {
  secretKeyBase:
    '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  cookie: '_app_session',
  made: 'ActionPack 6.1.7.10, ActiveSupport 6.1.7.10',
  good: {
    'SHA-1, a number': {
      subject: '17',
      value:
        'YuFZOpz91T8nqplj0bPshxXzs8kZRU4oVX1MeriiCpMS4ms0vo8X235s3Pny2smNp9COnZNLkAKqH1BBNDzknElWo6kTvVGp%2FA9LXui5Mg994D%2Ba6iE8RE%2Ft82LdOv19YiHZ5e9Yfsaaej8nto12PYvrt0KCx79kDTHcJUgIlboQVbPld2U%2FsQ%3D%3D--GxwJpIk0luSyTpPz--cHHzST9p2oj2fqkIUMbmEw%3D%3D',
    },
    'SHA-256, a number': {
      subject: '17',
      value:
        '1WpWDdrN1jUx1sxZfbesAlbG%2FRqSjPLU08sd4bF9pNYV6OuFIIjGM70hLHgMywnDjLyrKiEloqOrZe0mbM6ofFMdrQJrueIFdmkemE9%2BjhZN37ZGRhxFxDDu8kfX33zqHs7POsWGP1SSXQNWt%2FBVtogtfOeig4sDA1ibveqEcvc2V4shOKY1lQ%3D%3D--ZjaYIUC0GtEN5dBW--WrWt%2BtGm7UfZUOIG2OfIZA%3D%3D',
    },
    'a UUID': {
      subject: '0f5c1d1e-7c1c-4d7e-9f5a-2b1c3d4e5f60',
      value:
        'd%2FpZU7YEldgSkClKa7NNoFyGnHzvrvkUh6UPiFwvw2HZtiTxHs4TtwR8NVx5AJ1y7AXalqqPEplOcu0%2BEkVhGuJv2UwVvprG3nH%2BpGSpqmIjup%2Ft%2BaTkbunfRQhR6w9vZIaPZu57Tbs6XpsVabxE3wKWW0zi%2BkfJgWUi6eWGr%2BkZz9FyLIPYodoFS2UbSZtkc08fhZrxmtT8H6ySMeEgLCA%2B62Hsy%2FjHKIn3d6P0Dbb1xvNIogyqVw%3D%3D--2OQ5y3Dn%2B8TL2Fd4--%2Bq3x8PaZwl48xxktMvoHfw%3D%3D',
    },
    Devise: {
      subject: '17',
      value:
        'iHGcbOW%2BoNMtHOY9cI0hh3li7P2BvWoVuOjVbgChMUe2XJ%2B%2Bw7hPSzUbD0dGxy024zfbUEPOh8eUryWI8UHzAC2TWf7oipmg8W1FMxDGrdidYcfW40nI3s%2F2BR1f0%2F5hR0a2IsiVOxeMtTGF1u1ocWRENDVxXYi5vCf2nknkGkpIfOMeI1zmtg8JbUGlFIUW9BAWfBHD7HmK7citdW3qwD6CYDwFbhrXJYckVO%2FYbxA%3D--pcs8Zy%2BetyteJJLs--nckOGNxMKchq2xSN72O8Dg%3D%3D',
    },
    'with an end in 2099': {
      subject: '17',
      value:
        'W9vqYsUjvHN9lGG0DQpgDI2GwjEJvDI%2FuSAqavvTmAe0tp%2FlC0R6fLjquWsqOhom6b64nafVC%2FaQp%2BGlotpdR5hWhj7t10Fi8YhS85TeuTr8hCZbZaMEW4Gj700JvzZf3svNqOwwk87%2BlFvTx2jJ4EyoOcP4qUySoiE7k7aTRT%2B8oJP8%2BNKKLmLtJKB%2BFaKYh6Ll%2BwFCbJbz65%2FSfsc%3D--sH1LcFNgEvPKZcHm--QsErf4K3ZvCA07SCF5bqAg%3D%3D',
    },
  },
  bad: {
    'another secret':
      'HNSE8VOJq0OHXoyX9XByuBbbtgMu9ZzzsQibV8dWJgRt2szBrLEGZvTD3VuWCqzjYE%2FMlmIwN7OSERKKw2qKVhU9mS%2BvsojrisSW6nU%2FCJIqk0F7G8LEkuoZZPCf5v4pTdXKDOp1PH6PN8rlV6BGO8LThL0kg8hgWlOerwd1ba5fE8FoRLbJyA%3D%3D--qYp0D5uMi%2FV5l1NC--euld%2BSk3yxU8FFvde5oLFQ%3D%3D',
    'the cookie of another name':
      'YHh8Hk8qj6qDY0kHESHPHDY93erNuF0AX3AqwydGUeqMPae%2FzqnIRdVxrW4JCYKpsLNDydjKESMDrI5qShYmCT%2FNW9cUL6g8uGmC8KUp52p0iIRZG4T0G8rrOHAsffUiJAi%2F2JeUkUa%2BouvbeEre2i3247S1ETRDO5w9IWRxkAPTjw%3D%3D--oriWtPjY0x9PWZEG--YkjRti9WzL3Fwyx6dX9zxg%3D%3D',
    'its time is over':
      'IUCYxBZzhqqpAp6aYNP6cqIMC3DeMjgpVUdeKcrJmqx0xEcCFZVJaxx9YcN%2FfFZtXQFSv2SiBZDUXqFd9LPverJdYwjQpQoyT4rgwdasIiF4NDRmnC8cPcD%2BN5XXZ%2BC%2BMx1sJm%2BcD%2F8xRms172Mi9mND%2FAF1JEYGp89mXRe%2FNhAICvctLs03LYiw7trv0e9lTC%2BKPEL6fP5T2nMrpps%3D--xdrpyuNrS8C7FfBV--exu5RY%2FiJ2fz01G6UnmNDQ%3D%3D',
    Marshal:
      'PFtxl7TWFfNI9UKxsh%2BankOYdLlhQzt6MAbEFnaFxjeBTwdPZh%2F8TtYuFGkkIVsH9o4v43ZZTzKBF7MMQTj4yebrHD9DDNZy2VP6YiuMT9%2FgQ7FsxxAePKoDFd2bRv8RW1j1O%2FcUwllFR2M98tVCLivl7SsNoqce82W5z26HqApOaf3RnFuAblaOryc35qqcF9RwS4wOmfDiqiZUfh5Is5uE%2FFA%3D--6VdajDJdM6cwGVr%2F--uXAFfGljrb2%2BJpDdZhf64w%3D%3D',
    'only signed':
      'eyJfcmFpbHMiOnsibWVzc2FnZSI6ImV5SnpaWE56YVc5dVgybGtJam9pTkdWbU1pSXNJblZ6WlhKZmFXUWlPakUzTENKZlkzTnlabDkwYjJ0bGJpSTZJbmdpZlE9PSIsImV4cCI6bnVsbCwicHVyIjoiY29va2llLl9hcHBfc2Vzc2lvbiJ9fQ%3D%3D--77e01d2fd98eea3554150e1f1ee02cc54334432b',
    'nobody signed in':
      'tGctoPuUWcktFatbLgZZlwOYiOWdqoMIITS86TFY%2BlyIzCKrCEG9FLykgDZSI%2BN9IQpaZkxwlmgeFD8S%2BuGYAc6foSiTtjDsKdzubg9Nq0znpZAINFg97Q6514g%3D--Y10%2B2mlHs4aw1Ann--SFdmWfBX9OruXExaej5LrA%3D%3D',
    'a user that is an object':
      'bFvhCtsGDeRDXxLMptmfN1NwYo8F25%2FAtuFLdt6fFDnpEXgqwYivf0QOLLobW3LPzB3tBZdlPMm3H9%2Fx%2FrVA%2B0YRaiKuw1N3N6jGcRTmKoHnv1qV1fB1MiJAvvahvtheZIZfSHqPmalu3tGZPkoclk23pBSfNIMFfMCJC4iHjGIDJxcEkBpkE8pRVRL34imn--xlqhC6rQC1A8kR4L--vNFlPNaS4dHE3woUDnZb6A%3D%3D',
  },
} as const;
