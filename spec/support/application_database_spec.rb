# frozen_string_literal: true

require "spec_helper"

RSpec.describe ApplicationDatabase do
  it "is of both kinds, or says what is lacking" do
    expect(described_class.each.to_a).to eq %i[sqlite postgresql]
    expect(described_class.kinds).to eq(Postgres.missing ? [ :sqlite ] : %i[sqlite postgresql])
  end

  it "does without PostgreSQL, but not in CI" do
    allow(Postgres).to receive(:missing).and_return("It is not here.")
    stub_const("ENV", ENV.to_h.merge("CI" => nil))
    expect(described_class.kinds).to eq [ :sqlite ]
    stub_const("ENV", ENV.merge("CI" => "true"))
    expect { described_class.kinds }.to raise_error described_class::Lacking, "It is not here."
  end

  described_class.each do |kind|
    context "on #{kind}", application_database: kind do
      before do
        ActiveRecord::Schema.define { create_table(:notes) { |t| t.string :text } }
        stub_const("Note", Class.new(ActiveRecord::Base))
      end

      def texts = Note.order(:id).pluck(:text)

      2.times do
        it "is empty at first, and of the kind" do
          expect(Note.connection.adapter_name.downcase).to eq kind.to_s
          expect(texts).to eq []
          Note.create!(text: "for the other example")
        end
      end

      it "is what Active Record is connected to, and was not and will not be" do
        own = ActiveRecord::Base.connection_db_config
        described_class.open(kind) do |another|
          expect(ActiveRecord::Base.connection_db_config.database).to eq another.configuration[:database]
          expect(ActiveRecord::Base.connection.tables).to eq []
        end
        expect(ActiveRecord::Base.connection_db_config).to eq own
      end

      it "is written to by a child and by us after it" do
        Note.create!(text: "before")
        _, said = fork_child { |out| Note.create!(text: "child"); out.puts "written" }
        expect(read_line(said, "the child")).to eq "written"
        Note.create!(text: "after")
        expect(texts).to eq %w[before child after]
      end

      it "tells what a child raises" do
        _, said = fork_child { Note.create!(colour: "red") }
        expect(read_line(said, "the child")).to start_with "ActiveModel::UnknownAttributeError"
      end

      it "forgets what a process killed in its transaction did, and waits for nobody" do
        child, said = fork_child do |out|
          Note.create!(text: "committed")
          Note.transaction do
            Note.create!(text: "open")
            Note.update_all(text: "changed")
            out.puts Note.count
            sleep
          end
        end
        expect(read_line(said, "the child")).to eq "2"
        expect(texts).to eq [ "committed" ]

        end_child(child)
        Note.update_all(text: "ours")
        expect(texts).to eq [ "ours" ]
      end

      it "is dropped whoever is connected" do
        configuration = nil
        child = described_class.open(kind) do |another|
          configuration = another.configuration
          child, said = fork_child { |out| out.puts(ActiveRecord::Base.connection.select_value("SELECT 1")) || sleep }
          expect(read_line(said, "the child")).to eq "1"
          child
        end
        expect(exist?(configuration)).to be false
        expect(Process.wait(child, Process::WNOHANG)).to be_nil
      end

      def exist?(configuration)
        return File.exist?(configuration[:database]) if configuration[:adapter] == "sqlite3"
        ActiveRecord::Base.connection.select_values("SELECT datname FROM pg_database").include?(configuration[:database])
      end
    end
  end
end
