class CreateBooks < ActiveRecord::Migration[6.1]
  def change
    create_table(:users) { |t| t.string :name, null: false, index: { unique: true } }
    create_table :books do |t|
      t.string :shelf, null: false, default: "shelf:house"
      t.string :title, null: false
      t.boolean :read, null: false, default: false
      t.integer :lock_version, null: false, default: 0
    end
  end
end
