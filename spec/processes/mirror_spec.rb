# frozen_string_literal: true

require "spec_helper"
require_relative "../support/children"
require_relative "../support/receipts_table"

# Mirrored columns when processes are killed between what the log has committed and what the columns say.
RSpec.describe "mirrored columns under kill -9", :processes do
  include Eventually
  include Records

  kills = Integer(ENV.fetch("KILLS", 8))

  # Kills this process when a column is about to be written, for the nth time: the log has committed by then.
  class Killer
    def initialize(nth) = @left = nth
    def finish(*) = nil

    def start(_, _, payload)
      return unless payload[:sql].match?(/\AUPDATE "letters" SET "workflow_state"/)
      @left -= 1
      Process.kill("KILL", Process.pid) && sleep if @left.zero?
    end
  end

  def make_letters
    stub_const("Letter", Class.new(ActiveRecord::Base))
    ActiveRecord::Schema.define do
      create_table(:letters, force: true) do |t|
        %i[text workflow_state workflow_step workflow_run_id].each { |name| t.string name }
        t.integer :workflow_version
      end
    end
    Letter.reset_column_information
    Letter.class_eval do
      include Workflow
      workflow(mirror: true) { now :draft; later :print; await :sign; later :post }
      def draft = nil
      def print = sleep(rand * 0.01)
      def post = nil
    end
  end

  before do
    Workflow.configure { |c| c.store = "sqlite:#{@directory}/log.sqlite3"; c.lease = 1 }
    make_letters
  end

  after do
    Workflow.configure { |c| c.lease = 15 }
    Workflow.runtime.stop
  end

  def columns(letter) = Letter.find(letter.id).attributes.values_at("workflow_state", "workflow_step", "workflow_version", "workflow_run_id")

  def said(letter)
    run = letter.workflow
    [ run.state.to_s, run.current_step&.name&.to_s, run.version, run.id ]
  end

  it "are kept by whoever serves, though a console has opened the log before, and has been stopped", application_database: :sqlite do
    letter = Letter.create!(text: "x", workflow_state: "untrue")
    child, heard = fork_child do |out|
      Workflow.engine
      wait_until("its keeper has compared all") { Letter.find(letter.id).workflow_state.nil? }
      other = Workflow::Native::Engine.new(Workflow.configuration.path, 1000, "here")
      wait_until("its keeper has let go") { other.leads? }
      other.stop(1000)
      out.puts "kept"
      sleep
    end
    expect(heard.gets).to eq "kept\n"
    Process.kill("STOP", child)
    worker = Workflow::Worker.new(threads: 1).start
    letter.start
    eventually("it waits") { letter.workflow.waiting? }

    eventually("the columns say so") { columns(letter) == said(letter) }
  ensure
    worker&.stop
  end

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      it "are made true by another process when a caller is killed right after the log's commit" do
        letter = Letter.create!(text: "x")
        child, heard = fork_child do |out|
          ActiveSupport::Notifications.subscribe("sql.active_record", Killer.new(1))
          Letter.find(letter.id).start
          out.puts "lived"
        end
        expect(heard.gets).to be_nil # killed
        Process.wait(child)
        expect(columns(letter)).to eq [ nil ] * 4

        expect(letter.workflow.version).to be_positive # the log has it
        eventually("the columns say so") { columns(letter) == said(letter) }
      end

      it "are true in the end, whoever was killed meanwhile, and in the middle of what" do
        ReceiptsTable.create # so that each keeper goes on where the last one says that it was
        letters = Array.new(20) { |number| Letter.create!(text: number.to_s) }
        workers = []
        hire = lambda do |nth|
          workers << fork_child do |out|
            ActiveSupport::Notifications.subscribe("sql.active_record", Killer.new(nth)) if nth
            Workflow::Worker.new(threads: 2).start
            out.puts "works"
            sleep
          end
          expect(workers.last[1].gets).to eq("works\n").or be_nil
        end
        Workflow.runtime.stop
        kills.times { |number| hire.call(3 + number) }
        starter, heard = fork_child do |out|
          letters.each { |letter| Letter.find(letter.id).start }
          out.puts "started"
          exit!(0)
        end
        expect(heard.gets).to eq "started\n"
        Process.wait(starter)
        hire.call(nil) # one that lives
        eventually("all are signed", within: 60) do
          letters.each { |letter| letter.workflow.then { |run| letter.submit(:sign) if run.waiting? } }
          letters.all? { |letter| letter.workflow.done? }
        end

        eventually("all columns are true", within: 60) { letters.all? { |letter| columns(letter) == said(letter) } }
        killed = workers.first(kills).count { |child, _| Process.wait(child, Process::WNOHANG) }
        expect(killed).to be_positive
      end
    end
  end
end
