# frozen_string_literal: true

require "rails/generators/named_base"
require_relative "../careful"
require_relative "../model"
require_relative "../model_options"
require_relative "../plan"
require_relative "../source"
require_relative "../skeleton"
require_relative "../rehearsal"

module Workflow
  module Generators
    # bin/rails generate workflow signup email:string create_account:now send_link:later:retries=5 activate:await:expires_in=3.days: the
    # workflow in the model, which is made if there is none; partials for its states; a spec. Run again, it adds the steps
    # that are missing. Everything is read and checked before anything is written.
    class WorkflowGenerator < ::Rails::Generators::NamedBase
      include Careful
      include ModelOptions

      source_root File.expand_path("templates", __dir__)
      desc "Writes a workflow into a model, with methods, partials and a spec. The model is made if there is none."
      argument :steps, type: :array, default: [], banner: "step:now step:later step:await[:option=value,…] [attribute:type]"
      class_option :workflow, type: :string, desc: "The name of the workflow, where it is to have one"
      class_option :skip_views, type: :boolean, default: false, desc: "Leave out the partials"
      class_option :skip_spec, type: :boolean, default: false, desc: "Leave out the spec"
      class_option :api, type: :boolean, desc: "Leave out the partials, as in applications of config.api_only"

      def read_everything
        refuse_name
        refuse_database
        @source = source if (@old = there?(model))
        refuse("#{model} has a syntax error: `ruby -c #{model}` says where. Fix it first.") if @source&.broken?
        refuse("#{model} does not define #{class_name} with `class`, so that nothing can be put into it. Write the workflow there by hand.") if @old && !@source.found?
        @plan = Plan.new(steps, known: @old ? @source.steps : [])
        refuse_others
      rescue DefinitionError => error
        refuse(error.message)
      end

      def create_model
        return tell_of_options if @old || behavior == :revoke
        changed
        return create_file(model, "class #{class_name}\nend\n") unless defined?(::ActiveRecord)
        ::Rails::Generators.invoke("model", [ name, *@plan.attributes, *model_options, *("--pretend" if options[:pretend]) ], behavior: behavior, destination_root: destination_root)
        return if there?(model) || options[:pretend]
        raise ::Thor::Error, "workflow: Rails has not made #{model}; what it says above is why. Nothing else was written."
      end

      def insert_workflow
        return say_status(:kept, "#{model}: take the workflow out by hand", :yellow) if behavior == :revoke
        return say_status(:insert, model) unless there?(model) # with --pretend
        skeleton = Skeleton.new(source, @plan, record)
        text = skeleton.text
        refuse("#{model} cannot be changed without breaking it. Write the workflow there by hand.") unless source.of(text).found?
        skeleton.existing.each { |step| say_status :kept, "#{model}: there is a step #{step} already", :blue }
        return say_status(:identical, model, :blue) if text == source.text
        changed
        File.write(absolute(model), text) unless options[:pretend]
        say_status :insert, "#{model}: #{skeleton.told}"
      end

      def create_partials
        return if options[:skip_views]
        return say_status(:skip, "no partials: the application has no pages (config.api_only)", :blue) if api?
        @plan.steps.select { |step| step.kind == :await }.each do |step|
          @await = step
          once "waiting_for.html.erb", "#{folder}/_waiting_for_#{step.name}.html.erb"
        end
        %w[running failed done].each { |state| once "#{state}.html.erb", "#{folder}/_#{state}.html.erb" }
      end

      def create_spec
        return if options[:skip_spec]
        return say_status(:skip, "no spec: the workflow has had steps before", :blue) if @old && (@source.steps - @plan.steps.map { |step| step.name.to_s }).any?
        return rehearse("spec.rb.erb", "spec/models/#{[ file_path, workflow ].compact.join("_")}_workflow_spec.rb") if there?("spec/rails_helper.rb")
        return rehearse("test.rb.erb", "test/models/#{[ file_path, workflow ].compact.join("_")}_workflow_test.rb") if there?("test/test_helper.rb")
        say_status(:skip, "no spec: there is neither spec/rails_helper.rb nor test/test_helper.rb", :blue)
      end

      def tell_what_is_next
        return if behavior == :revoke
        say changed? ? render("next.txt.erb") : "#{class_name} has all of that already: nothing was changed."
      end

      private
        # Taken back, a spec may be one of a model that was there or of one that was made.
        def rehearse(template, path)
          rehearsal = ->(old) { @rehearsal = Rehearsal.new(@plan, variable, class_name, record, old: old, workflow: workflow) }
          return rehearsal.call(@old) && once(template, path) if behavior == :invoke
          take_back(absolute(path), path, *[ true, false ].map { |old| rehearsal.call(old) && render(template) })
        end

        def refuse_name
          refuse("did you mean `rails generate workflow:install`? A workflow needs steps: rails generate workflow #{name} create_account:now") if name == "install" && steps.empty?
          refuse("#{name.inspect} is no name of a model. Write it like one: signup, or admin/signup.") unless name.match?(%r{\A[a-zA-Z]\w*((/|::)[a-zA-Z]\w*)*\z})
          refuse("A model has its name in the singular: #{name.singularize}.") if plural? && !there?(model)
          refuse_workflow
          refuse("Workflow is the gem's own name. Name the model after what it is about: signup, order.") if class_name.match?(/\AWorkflow(::|\z)/)
        end

        def refuse_workflow
          return if workflow.nil? || workflow.match?(/\A[a-z_][a-z0-9_]*\z/)
          refuse("--workflow #{workflow.inspect} is no name of a workflow. Write it as a method's: #{workflow.underscore.gsub(/[^a-z0-9_]+/, "_").gsub(/\A[0-9_]+|_+\z/, "").presence || "fulfilment"}.")
        end

        def plural? = name.pluralize == name && name.singularize != name

        # What only the application knows: a name that something else has, a column of a step's name, attributes of a model that is there.
        def refuse_others
          refuse_twofold
          return class_collisions(class_name) if !@old && behavior == :invoke
          refuse_elsewhere
          refuse_attributes
          refuse_misfits
          { "a column" => record.columns, "an association" => record.associations }.each do |what, names|
            taken = @plan.steps.find { |step| names.include?(step.name.to_s) && !@source&.steps&.include?(step.name.to_s) } or next
            refuse("#{class_name} has #{what} #{taken.name}, so that a step cannot be called so. Say what is done: #{taken.name}_#{file_name}, say.")
          end
        rescue ::Rails::Generators::Error => error
          refuse(error.message)
        end

        def refuse_twofold
          taken = @plan.steps.find { |step| attribute_names.include?(step.name.to_s) } or return
          refuse("#{taken.name} is to be an attribute and a step. Say what is done: #{taken.name}_#{file_name}, say.")
        end

        def refuse_attributes
          return if behavior == :revoke || @plan.attributes.none? { |attribute| record.lacks?(attribute) }
          refuse("#{class_name} is there already: add #{@plan.attributes.join(", ")} by a migration.") if record.record?
          refuse("#{class_name} is no record, so that it has no attributes: write #{attribute_names.join(", ")} in #{model}.")
        end

        # Methods that are there, and that no step could call.
        def refuse_misfits
          return if behavior == :revoke
          @plan.definition.steps.each do |step|
            found = record.misfit(step) if @plan.steps.map(&:name).include?(step.name) && !@source.steps.include?(step.name.to_s)
            refuse(misfit(step, found)) if found
          end
        end

        def misfit(step, found)
          where = found.source_location&.then { |path, line| " (#{path.delete_prefix("#{destination_root}/")}:#{line})" }
          takes = step.await? && found.name == step.name ? "an await's method takes its fields as keywords" : "a step's method takes no arguments"
          "#{class_name}##{found.name}#{where} cannot be called with the arguments that it requires: #{takes}. Change it, or call the step otherwise: #{found.name}_#{file_name}, say."
        end

        # A workflow that the class has from a concern, or from the class above, is changed there.
        def refuse_elsewhere
          return if behavior == :revoke || !@source || @source.workflow?
          from = record.workflow_from(workflow || "workflow") or return
          refuse("#{class_name} has its workflow from #{from}. Add the steps there.")
        end

        def attribute_names = @plan.attributes.map { |attribute| attribute[/\A\w+/] }
        def record = @record ||= Model.new(class_name, text: @source&.text, attributes: attribute_names, migrations: migrations)

        # That make the table, or add to it, by their names: of any database.
        def migrations
          Dir.glob("db/**/*_{create,to}_#{table_name}.rb", base: destination_root).map { |path| File.read(absolute(path)) }
        end

        # The name of a workflow that is not the one without.
        def workflow = (options[:workflow] unless options[:workflow] == "workflow")
        def named_run = ("#{variable}.workflow(:#{workflow})" if workflow)
        def source = Source.new(File.read(absolute(model)), class_name, workflow: workflow || "workflow")
        def model = "app/models/#{file_path}.rb"
        def absolute(path) = File.expand_path(path, destination_root)
        def folder = "app/views/#{class_name.tableize}/workflow"
        def variable = file_name
    end
  end
end
