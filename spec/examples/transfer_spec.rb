# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"

# Money that is moved while everybody is killed: see examples/transfer/README.md.
RSpec.describe "examples/transfer" do
  # Also ends what the program left, should it take too long: it then reads the end of its pipe.
  def transfer(without: nil)
    environment = { "WITHOUT" => without, "DATABASE_URL" => url, "SEED" => nil }
    Timeout.timeout(120) do
      Open3.capture3(environment, RbConfig.ruby, "-w", File.expand_path("../../examples/transfer/kills.rb", __dir__))
    end
  end

  # nil: a SQLite file that the program makes itself.
  def url
    here = database.configuration
    return unless here[:adapter] == "postgresql"
    "postgresql:///#{here[:database]}?#{URI.encode_www_form(here.slice(:host, :port, :username))}"
  end

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      it "moves each amount once, and the sum stays what it was" do
        out, error, status = transfer

        expect([ status.exitstatus, error ]).to eq([ 0, "" ]), "#{out}#{error}"
        expect(out).to match(/, #{kind}$/i).and match(/^\d+ kills, 120 transfers, [1-9]\d* steps begun again$/)
        expect(out.lines.last).to eq "answered: nothing; the change and its receipt are one commit, so whoever takes over knows. 60000 before, 60000 after\n"
      end

      it "moves money twice without transaction: true" do
        out, error, status = transfer(without: "transaction")

        expect(status).not_to be_success
        expect(out).not_to include("answered:")
        expect(error).to match(/the sum of all balances: \d+, not 60000/)
      end
    end
  end
end
