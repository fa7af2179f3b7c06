class BooksController < ApplicationController
  before_action(except: :index) { head :unauthorized unless current_user }
  around_action :say_who_writes, except: :index

  def index
    @books = Book.order(:id)
  end

  def create
    answer Book.create!(book_params)
  end

  def update
    answer Book.lock.find(params[:id]).tap { |book| book.update!(book_params) }
  end

  def destroy
    answer Book.lock.find(params[:id]).destroy!
  end

  private

  def book_params
    params.require(:book).permit(:title, :read)
  end

  # The page that has written shows the row itself. Without a script it is loaded anew.
  def answer(book)
    request.xhr? ? render(json: book) : redirect_to(root_path)
  end

  # Two settings of the transaction, for Teamboard: whose change this is, and which page knows it already.
  def say_who_writes
    Book.transaction do
      values = ["rails #{current_user.id}", request.headers["Stream-Id"].to_s.first(36)]
      Book.connection.exec_query(<<~SQL, "Teamboard", values)
        select set_config('teamboard.actor', $1, true), set_config('teamboard.stream_id', $2, true)
      SQL
      yield
    end
  end
end
