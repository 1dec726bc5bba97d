# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"

RSpec.describe "examples/questions" do
  directory = File.expand_path("../../examples/questions", __dir__)

  # Each program, and what can be taken away from it: where it then notices.
  questions = {
    "retried" => { "log" => /a step in hand was run a second time/ },
    "mail_fails" => { "retries" => /patient: failed/ },
    "skipped" => { "unless" => /the song is done: not within/, "after" => /the receipt is out while somebody packs: not within/ },
    "after_the_mail" => { "error" => /shown without a mail/ },
    "input_in_the_middle" => { "reject" => /a wrong code was accepted/ },
    "call_or_later" => { "remembers" => /NotSerializable/ },
    "anywhere" => { "config" => /not where they should have run/ }
  }

  define_method(:ask) do |question, without: nil|
    Timeout.timeout(60) do
      Open3.capture3({ "WITHOUT" => without }, RbConfig.ruby, "-w", File.join(directory, "#{question}.rb"))
    end
  end

  it "has no program that is not run here" do
    names = Dir.children(directory).grep(/\.rb\z/).map { |file| File.basename(file, ".rb") }
    expect(names - [ "support" ]).to match_array(questions.keys)
  end

  it "lists every question with its file" do
    readme = File.read(File.join(directory, "README.md"))
    expect(questions.keys.reject { |question| readme.include?("#{question}.rb") }).to be_empty
  end

  questions.each do |question, features|
    it "answers #{question}" do
      out, error, status = ask(question)
      expect([ status.exitstatus, error ]).to eq([ 0, "" ])
      expect(out.lines.last).to match(/\Aanswered: \S/)
    end

    features.each do |feature, complaint|
      it "does not answer #{question} without #{feature}" do
        out, error, status = ask(question, without: feature)
        expect(status).not_to be_success
        expect(out).not_to include("answered:")
        expect(error).to match(complaint)
      end
    end
  end
end
